package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1 "podwire.dev/operator/api/v1"
)

// existing is a kubebuilder project's suite_test.go, by way of envtest, on a cluster that is there already.
func existing(ctx context.Context) {
	environment := &envtest.Environment{
		UseExistingCluster:    ptr.To(true),
		CRDDirectoryPaths:     []string{os.Args[2]},
		ErrorIfCRDPathMissing: true,
		CRDInstallOptions:     envtest.CRDInstallOptions{CleanUpAfterUse: true},
	}
	cfg, err := environment.Start()
	must(err, "envtest: start")
	both, err := client.New(cfg, client.Options{Scheme: scheme()})
	must(err)
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "envtest-"}}
	must(both.Create(ctx, space), "namespace")
	site := website("one")
	site.Namespace = space.Name
	must(both.Create(ctx, site), "site")
	list := &v1.WebsiteList{}
	must(both.List(ctx, list, client.InNamespace(space.Name)), "list")
	check(len(list.Items) == 1, "one site", len(list.Items))
	before := site.DeepCopy()
	site.Labels = map[string]string{"a": "b"}
	must(both.Patch(ctx, site, client.MergeFrom(before)), "patch")
	dry := site.DeepCopy()
	dry.Spec.Image = "dry"
	must(both.Update(ctx, dry, client.DryRunAll), "dry run")
	must(both.Get(ctx, client.ObjectKeyFromObject(site), site), "get")
	check(site.Spec.Image == "nginx:1" && site.Labels["a"] == "b", site.Spec.Image, site.Labels)
	must(both.Delete(ctx, space), "delete the namespace")
	must(wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		return both.Get(ctx, client.ObjectKeyFromObject(space), space) != nil, nil
	}), "the namespace goes, with what is in it")
	must(environment.Stop(), "envtest: stop")
	must(wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		return meta.IsNoMatchError(both.List(ctx, list)) || both.List(ctx, list) != nil, nil
	}), "the definition is gone")
	fmt.Println("envtest: started, used, stopped")
}
