// What Go programs do: informers that begin with sendInitialEvents, typed clients that send protobuf, scale, discovery.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func must(err error) {
	if err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
}

func main() {
	cfg, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(err)
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	cs, err := kubernetes.NewForConfig(cfg)
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	f := informers.NewSharedInformerFactory(cs, 0)
	inf := f.Core().V1().Pods().Informer()
	events := make(chan string, 100)
	inf.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { events <- "add " + o.(*corev1.Pod).Name },
		UpdateFunc: func(_, o any) { events <- "update " + o.(*corev1.Pod).Name },
		DeleteFunc: func(o any) { events <- "delete" },
	})
	f.Apps().V1().Deployments().Informer()
	f.Start(ctx.Done())
	t := time.Now()
	for k, ok := range f.WaitForCacheSync(ctx.Done()) {
		fmt.Println("synced", k, ok, time.Since(t))
	}
	p, err := cs.CoreV1().Pods("default").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "go-"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "m", Image: "x"}}}}, metav1.CreateOptions{})
	must(err)
	fmt.Println(<-events)
	p.Labels = map[string]string{"a": "b"}
	p, err = cs.CoreV1().Pods("default").Update(ctx, p, metav1.UpdateOptions{})
	must(err)
	fmt.Println(<-events)
	p.Status.Phase = corev1.PodRunning
	p, err = cs.CoreV1().Pods("default").UpdateStatus(ctx, p, metav1.UpdateOptions{})
	must(err)
	fmt.Println(<-events, p.Status.Phase)
	must(cs.CoreV1().Pods("default").Delete(ctx, p.Name, metav1.DeleteOptions{}))
	fmt.Println(<-events)
	n := int32(0)
	d, err := cs.AppsV1().Deployments("default").Create(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "god"}, Spec: appsv1.DeploymentSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "m", Image: "x"}}}}}}, metav1.CreateOptions{})
	must(err)
	fmt.Println("deployment", d.Name, *d.Spec.Replicas)
	s, err := cs.AppsV1().Deployments("default").GetScale(ctx, "god", metav1.GetOptions{})
	must(err)
	s.Spec.Replicas = 2
	s, err = cs.AppsV1().Deployments("default").UpdateScale(ctx, "god", s, metav1.UpdateOptions{})
	must(err)
	fmt.Println("scale", s.Spec.Replicas)
	l, err := cs.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	must(err)
	fmt.Println("services", len(l.Items), l.Items[0].Spec.ClusterIP, l.ResourceVersion)
	_, err = cs.DiscoveryV1().EndpointSlices("default").Create(ctx, &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "s"}, AddressType: "IPv4", Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}}, metav1.CreateOptions{})
	must(err)
	must(cs.AppsV1().Deployments("default").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	groups, res, err := cs.Discovery().ServerGroupsAndResources()
	must(err)
	fmt.Println("discovery", len(groups), len(res))
	v, err := cs.Discovery().ServerVersion()
	must(err)
	fmt.Println(v.String())
	fmt.Println("OK")
}
