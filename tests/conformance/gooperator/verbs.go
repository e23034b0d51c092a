package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"

	v1 "podwire.dev/operator/api/v1"
)

const namespace = "default"

// verbs does to built-in and to custom objects whatever client-go has a method for.
func verbs(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cfg := config()
	builtIn := rest.CopyConfig(cfg)
	builtIn.ContentType = "application/vnd.kubernetes.protobuf"
	builtIn.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	typed, err := kubernetes.NewForConfig(builtIn)
	must(err)
	dyn, err := dynamic.NewForConfig(cfg)
	must(err)
	deployments(ctx, typed)
	fmt.Println("built-in kinds: create, update, four patches, apply, scale, watch, delete")
	customTyped(ctx, websites(cfg))
	fmt.Println("custom kind: with types")
	customDynamic(ctx, cfg, dyn)
	fmt.Println("custom kind: dynamic, metadata only, scale, mapper")
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "web", Image: "nginx:1",
					Ports: []corev1.ContainerPort{{ContainerPort: 80}},
					Resources: corev1.ResourceRequirements{
						Requests: corev1.ResourceList{"memory": resource.MustParse("0.5Gi"), "cpu": resource.MustParse("1500m")},
					},
				}}},
			},
		},
	}
}

func deployments(ctx context.Context, typed kubernetes.Interface) {
	all := typed.AppsV1().Deployments(namespace)
	seen, err := all.Watch(ctx, metav1.ListOptions{LabelSelector: "app=verbs"})
	must(err, "watch")
	made, err := all.Create(ctx, deployment("verbs", 0), metav1.CreateOptions{})
	must(err, "create")
	memory := made.Spec.Template.Spec.Containers[0].Resources.Requests["memory"]
	check(memory.String() == "512Mi", "quantity is canonical:", memory.String())
	_, err = all.Create(ctx, deployment("verbs", 0), metav1.CreateOptions{})
	check(apierrors.IsAlreadyExists(err), "created twice", err)
	_, err = all.Create(ctx, deployment("verbs-dry", 0), metav1.CreateOptions{DryRun: []string{"All"}})
	must(err, "dry run")
	_, err = all.Get(ctx, "verbs-dry", metav1.GetOptions{})
	check(apierrors.IsNotFound(err), "dry run left nothing", err)

	stale := made.DeepCopy()
	must(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		now, err := all.Get(ctx, "verbs", metav1.GetOptions{})
		must(err, "get")
		now.Labels["tier"] = "front"
		_, err = all.Update(ctx, now, metav1.UpdateOptions{})
		return err
	}), "update")
	stale.Labels["tier"] = "back"
	_, err = all.Update(ctx, stale, metav1.UpdateOptions{})
	check(apierrors.IsConflict(err), "a stale update conflicts", err)

	patch := func(kind types.PatchType, body string, sub ...string) *appsv1.Deployment {
		got, err := all.Patch(ctx, "verbs", kind, []byte(body), metav1.PatchOptions{FieldManager: "verbs"}, sub...)
		must(err, kind)
		return got
	}
	got := patch(types.JSONPatchType, `[{"op":"test","path":"/spec/replicas","value":0},{"op":"add","path":"/metadata/labels/json","value":"1"}]`)
	check(got.Labels["json"] == "1", got.Labels)
	got = patch(types.MergePatchType, `{"metadata":{"labels":{"json":null,"merge":"1"}}}`)
	check(got.Labels["merge"] == "1" && got.Labels["json"] == "", got.Labels)
	got = patch(types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox"}]}}}}`)
	check(len(got.Spec.Template.Spec.Containers) == 2, "strategic merge by name")
	got = patch(types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"side","$patch":"delete"}]}}}}`)
	check(len(got.Spec.Template.Spec.Containers) == 1, "strategic delete by name")
	got = patch(types.MergePatchType, `{"status":{"observedGeneration":7}}`, "status")
	check(got.Status.ObservedGeneration == 7, "status by patch", got.Status)
	_, err = all.Patch(ctx, "verbs", types.JSONPatchType, []byte(`[{"op":"test","path":"/spec/replicas","value":9}]`), metav1.PatchOptions{})
	check(apierrors.IsInvalid(err), "a test that fails", err)

	wanted := appsapply.Deployment("applied", namespace).WithSpec(appsapply.DeploymentSpec().WithReplicas(0).
		WithSelector(metaapply.LabelSelector().WithMatchLabels(map[string]string{"app": "applied"})).
		WithTemplate(coreapply.PodTemplateSpec().WithLabels(map[string]string{"app": "applied"}).
			WithSpec(coreapply.PodSpec().WithContainers(coreapply.Container().WithName("web").WithImage("nginx:1")))))
	first, err := all.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "one"})
	must(err, "apply")
	again, err := all.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "one"})
	must(err, "apply again")
	check(first.ResourceVersion == again.ResourceVersion, "apply twice is apply once")
	_, err = all.Apply(ctx, appsapply.Deployment("applied", namespace).WithSpec(appsapply.DeploymentSpec().WithReplicas(1)), metav1.ApplyOptions{FieldManager: "two"})
	check(apierrors.IsConflict(err), "another manager's field", err)
	owned, err := appsapply.ExtractDeployment(again, "one")
	must(err, "extract")
	check(*owned.Spec.Replicas == 0 && owned.Status == nil, "what one applied, as client-go reads managedFields")
	_, err = all.ApplyStatus(ctx, appsapply.Deployment("applied", namespace).WithStatus(appsapply.DeploymentStatus().WithObservedGeneration(3)), metav1.ApplyOptions{FieldManager: "status", Force: true})
	must(err, "apply status")

	now, err := all.GetScale(ctx, "verbs", metav1.GetOptions{})
	must(err, "get scale")
	now.Spec.Replicas = 3
	_, err = all.UpdateScale(ctx, "verbs", now, metav1.UpdateOptions{})
	must(err, "update scale")

	page, err := all.List(ctx, metav1.ListOptions{Limit: 1})
	must(err, "list")
	check(len(page.Items) == 1 && page.Continue != "", "a page of one")
	rest, err := all.List(ctx, metav1.ListOptions{Limit: 10, Continue: page.Continue})
	must(err, "next page")
	check(len(rest.Items) == 1 && rest.Items[0].Name == "verbs", "the rest")

	uid := types.UID("other")
	err = all.Delete(ctx, "verbs", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	check(apierrors.IsConflict(err), "precondition", err)
	must(all.Delete(ctx, "verbs", *metav1.NewPreconditionDeleteOptions(string(made.UID))), "delete")
	must(all.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=applied"}), "deletecollection")
	until(ctx, seen, watch.Deleted)
	_, err = all.Create(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "No"}}, metav1.CreateOptions{})
	check(apierrors.IsInvalid(err) && apierrors.HasStatusCause(err, metav1.CauseTypeFieldValueInvalid), "invalid", err)
}

// until reads a watch up to the first event of a kind.
func until(ctx context.Context, seen watch.Interface, kind watch.EventType) {
	defer seen.Stop()
	for {
		select {
		case event := <-seen.ResultChan():
			check(event.Type != watch.Error && event.Object != nil, "watch", event)
			if event.Type == kind {
				return
			}
		case <-ctx.Done():
			fail("no event", kind)
		}
	}
}

func website(name string) *v1.Website {
	since := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	return &v1.Website{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec: v1.WebsiteSpec{
			Image:       "nginx:1",
			Ports:       []v1.Port{{Name: "http", Port: 80, Target: intstr.FromString("web")}, {Name: "admin", Port: 81, Target: intstr.FromInt32(8081)}},
			Memory:      ptr.To(resource.MustParse("128Mi")),
			Grace:       &metav1.Duration{Duration: 90 * time.Second},
			Since:       &since,
			Certificate: []byte{0, 1, 2, 255},
			Region:      "north",
		},
	}
}

func customTyped(ctx context.Context, sites siteClient) {
	seen, err := sites.watch(ctx)
	must(err, "watch")
	made, err := sites.create(ctx, website("typed"))
	must(err, "create")
	check(*made.Spec.Replicas == 1 && made.Spec.Ports[0].Protocol == "TCP", "defaults", made.Spec)
	check(made.Spec.Ports[1].Target.IntVal == 8081 && made.Spec.Grace.Minutes() == 1.5 && len(made.Spec.Certificate) == 4, "values")
	check(made.Spec.Since.Equal(website("x").Spec.Since) && made.Generation == 1, "time and generation")
	bad := website("typed-bad")
	bad.Spec.Replicas = ptr.To(int32(51))
	_, err = sites.create(ctx, bad)
	check(apierrors.IsInvalid(err), "CEL", err)
	made.Spec.Region = "south"
	_, err = sites.update(ctx, made)
	check(apierrors.IsInvalid(err), "a transition rule", err)

	made.Spec.Region, made.Spec.Image = "north", "nginx:2"
	made.Status.Ready = 9
	made, err = sites.update(ctx, made)
	must(err, "update")
	check(made.Generation == 2 && made.Status.Ready == 0, "spec only", made.Generation, made.Status)
	made.Spec.Image, made.Status.Ready = "nginx:3", 2
	meta.SetStatusCondition(&made.Status.Conditions, metav1.Condition{Type: "Ready", Status: "True", Reason: "Tried"})
	made, err = sites.updateStatus(ctx, made)
	must(err, "update status")
	check(made.Generation == 2 && made.Spec.Image == "nginx:2" && made.Status.Ready == 2, "status only", made.Spec.Image)
	check(meta.IsStatusConditionTrue(made.Status.Conditions, "Ready"), "condition")
	made, err = sites.patch(ctx, "typed", types.MergePatchType, `{"spec":{"settings":{"a":"b"}}}`)
	must(err, "merge patch")
	made, err = sites.patch(ctx, "typed", types.JSONPatchType, `[{"op":"add","path":"/spec/aliases","value":["x"]}]`)
	must(err, "JSON patch")
	check(made.Spec.Settings["a"] == "b" && made.Spec.Aliases[0] == "x", made.Spec)
	_, err = sites.patch(ctx, "typed", types.StrategicMergePatchType, `{}`)
	check(apierrors.IsUnsupportedMediaType(err), "no strategic patch of a custom kind", err)
	list, err := sites.list(ctx, metav1.ListOptions{FieldSelector: "spec.image=nginx:2"})
	must(err, "list")
	check(len(list.Items) == 1 && list.Items[0].Name == "typed", "by a selectable field", len(list.Items))
	must(sites.delete(ctx, "typed"), "delete")
	until(ctx, seen, watch.Deleted)
}

func customDynamic(ctx context.Context, cfg *rest.Config, dyn dynamic.Interface) {
	resources := v1.GroupVersion.WithResource("websites")
	sites := dyn.Resource(resources).Namespace(namespace)
	wanted := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "shop.example.com/v1", "kind": "Website", "metadata": map[string]any{"name": "dynamic"},
		"spec": map[string]any{"image": "nginx:1", "replicas": int64(2), "ports": []any{map[string]any{"name": "http", "port": int64(80)}}},
	}}
	made, err := sites.Apply(ctx, "dynamic", wanted, metav1.ApplyOptions{FieldManager: "one"})
	must(err, "apply")
	again, err := sites.Apply(ctx, "dynamic", wanted, metav1.ApplyOptions{FieldManager: "one"})
	must(err, "apply again")
	check(made.GetResourceVersion() == again.GetResourceVersion(), "apply twice is apply once")
	other := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "shop.example.com/v1", "kind": "Website", "metadata": map[string]any{"name": "dynamic"},
		"spec": map[string]any{"image": "nginx:2", "ports": []any{map[string]any{"name": "admin", "port": int64(81)}}},
	}}
	_, err = sites.Apply(ctx, "dynamic", other, metav1.ApplyOptions{FieldManager: "two"})
	check(apierrors.IsConflict(err), "conflict", err)
	forced, err := sites.Apply(ctx, "dynamic", other, metav1.ApplyOptions{FieldManager: "two", Force: true})
	must(err, "apply by force")
	ports, _, _ := unstructured.NestedSlice(forced.Object, "spec", "ports")
	check(len(ports) == 2, "ports merge by name", ports)
	status := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "shop.example.com/v1", "kind": "Website", "metadata": map[string]any{"name": "dynamic"},
		"status": map[string]any{"replicas": int64(2), "selector": "app=dynamic"},
	}}
	_, err = sites.ApplyStatus(ctx, "dynamic", status, metav1.ApplyOptions{FieldManager: "three"})
	must(err, "apply status")

	bare, err := metadata.NewForConfig(cfg)
	must(err)
	only, err := bare.Resource(resources).Namespace(namespace).Get(ctx, "dynamic", metav1.GetOptions{})
	must(err, "metadata")
	check(only.UID == made.GetUID() && len(only.ManagedFields) > 0, "metadata only", only)

	disco := discovery.NewDiscoveryClientForConfigOrDie(cfg)
	groups, err := restmapper.GetAPIGroupResources(disco)
	must(err, "discovery")
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	mapped, err := mapper.RESTMapping(v1.GroupVersion.WithKind("Website").GroupKind(), "v1")
	must(err, "mapper")
	check(mapped.Resource == resources && mapped.Scope.Name() == meta.RESTScopeNameNamespace, "mapping", mapped)
	scales, err := scale.NewForConfig(cfg, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(disco))
	must(err)
	now, err := scales.Scales(namespace).Get(ctx, resources.GroupResource(), "dynamic", metav1.GetOptions{})
	must(err, "scale")
	check(now.Spec.Replicas == 2 && now.Status.Selector == "app=dynamic", "scale", now)
	now.Spec.Replicas = 5
	_, err = scales.Scales(namespace).Update(ctx, resources.GroupResource(), now, metav1.UpdateOptions{})
	must(err, "update scale")
	final, err := sites.Get(ctx, "dynamic", metav1.GetOptions{})
	must(err, "get")
	replicas, _, _ := unstructured.NestedInt64(final.Object, "spec", "replicas")
	check(replicas == 5, "scaled", replicas)
	must(sites.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}), "deletecollection")
}
