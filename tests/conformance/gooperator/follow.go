package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	v1 "podwire.dev/operator/api/v1"
)

// follower replays what one informer tells: name to resourceVersion. What can't be so ends the program.
type follower struct {
	mu    sync.Mutex
	what  string
	state map[string]string
}

func followed(what string, informer cache.SharedIndexInformer) *follower {
	f := &follower{what: what, state: map[string]string{}}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) {
			name, version := f.of(obj)
			f.change(func() {
				check(f.state[name] == "", what, "added twice:", name)
				f.state[name] = version
			})
		},
		UpdateFunc: func(old, obj any) {
			_, before := f.of(old)
			name, version := f.of(obj)
			f.change(func() {
				check(f.state[name] == before, what, name, "was", f.state[name], "and is told to have been", before)
				f.state[name] = version
			})
		},
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			name, _ := f.of(obj)
			f.change(func() {
				check(f.state[name] != "", what, "deleted unknown:", name)
				delete(f.state, name)
			})
		},
	})
	must(err)
	return f
}

func (f *follower) of(obj any) (string, string) {
	m, err := meta.Accessor(obj)
	must(err)
	return m.GetName(), m.GetResourceVersion()
}

func (f *follower) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
}

func (f *follower) is(want map[string]string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return reflect.DeepEqual(f.state, want)
}

// lists counts how the informers began: by a stream, or by a list of the old sort.
type lists struct {
	next            http.RoundTripper
	streamed, plain *atomic.Int64
}

func (l lists) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	if query.Get("sendInitialEvents") == "true" {
		l.streamed.Add(1)
	} else if request.Method == http.MethodGet && query.Get("watch") == "" {
		l.plain.Add(1)
	}
	return l.next.RoundTrip(request)
}

// follow writes and follows, through every cut, until a line comes on stdin; then everything must be the same.
func follow(ctx context.Context) {
	cfg := config()
	writer, err := kubernetes.NewForConfig(cfg)
	must(err)
	sites, err := dynamic.NewForConfig(cfg)
	must(err)
	resources := v1.GroupVersion.WithResource("websites")

	watching := config()
	watching.ContentType = "application/vnd.kubernetes.protobuf"
	watching.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	var streamed, plain atomic.Int64
	watching.Wrap(func(next http.RoundTripper) http.RoundTripper { return lists{next, &streamed, &plain} })
	reader, err := kubernetes.NewForConfig(watching)
	must(err)
	bare := config()
	bare.Wrap(func(next http.RoundTripper) http.RoundTripper { return lists{next, &streamed, &plain} })
	dyn, err := dynamic.NewForConfig(bare)
	must(err)
	typed := informers.NewSharedInformerFactoryWithOptions(reader, 0, informers.WithNamespace(namespace))
	custom := dynamicinformer.NewDynamicSharedInformerFactory(dyn, 0)
	maps := followed("ConfigMaps", typed.Core().V1().ConfigMaps().Informer())
	websites := followed("Websites", custom.ForResource(resources).Informer())
	typed.Start(ctx.Done())
	custom.Start(ctx.Done())
	for kind, synced := range typed.WaitForCacheSync(ctx.Done()) {
		check(synced, kind)
	}
	custom.WaitForCacheSync(ctx.Done())
	check(streamed.Load() == 2 && plain.Load() == 0, "streaming lists", streamed.Load(), plain.Load())
	fmt.Println("synced")

	leading := make(chan struct{})
	ended := make(chan struct{})
	electing, resign := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		elect(electing, writer, leading)
	}()
	<-leading
	fmt.Println("leading")

	stop := make(chan struct{})
	acknowledged := make(chan map[string]bool)
	go func() { acknowledged <- write(ctx, writer, sites, stop) }()
	bufio.NewScanner(os.Stdin).Scan()
	close(stop)
	known := <-acknowledged
	settled(ctx, writer, sites, known, maps, websites)
	resign()
	<-ended
	lease, err := writer.CoordinationV1().Leases(namespace).Get(ctx, "go-follow", metav1.GetOptions{})
	must(err, "lease")
	check(*lease.Spec.HolderIdentity == "", "the lease is given back", *lease.Spec.HolderIdentity)
	check(*lease.Spec.LeaseTransitions == 0, "the cut cost nobody the lease", *lease.Spec.LeaseTransitions)
	fmt.Println("acknowledged", len(known), "streamed", streamed.Load(), "plain", plain.Load())
}

func elect(ctx context.Context, client kubernetes.Interface, leading chan struct{}) {
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Name: "go-follow", Namespace: namespace},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: "follow"},
	}
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 30 * time.Second, RenewDeadline: 25 * time.Second, RetryPeriod: 500 * time.Millisecond,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(leading) },
			OnStoppedLeading: func() {},
		},
	})
}

// write makes and removes objects one after the other until stop. Returned: whether each that was answered is there.
func write(ctx context.Context, client kubernetes.Interface, dyn dynamic.Interface, stop chan struct{}) map[string]bool {
	sites := dyn.Resource(v1.GroupVersion.WithResource("websites")).Namespace(namespace)
	known := map[string]bool{}
	for number := 0; ; number++ {
		select {
		case <-stop:
			return known
		default:
		}
		name := fmt.Sprintf("n-%d", number)
		insist(ctx, apierrors.IsAlreadyExists, func() error {
			made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
			_, err := client.CoreV1().ConfigMaps(namespace).Create(ctx, made, metav1.CreateOptions{})
			return err
		})
		insist(ctx, apierrors.IsAlreadyExists, func() error {
			made := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "shop.example.com/v1", "kind": "Website", "metadata": map[string]any{"name": name},
				"spec": map[string]any{"image": "nginx:1", "replicas": int64(number % 7)},
			}}
			_, err := sites.Create(ctx, made, metav1.CreateOptions{})
			return err
		})
		known[name] = true
		if number%3 == 2 {
			insist(ctx, apierrors.IsNotFound, func() error {
				return client.CoreV1().ConfigMaps(namespace).Delete(ctx, name, metav1.DeleteOptions{})
			})
			insist(ctx, apierrors.IsNotFound, func() error { return sites.Delete(ctx, name, metav1.DeleteOptions{}) })
			known[name] = false
		}
		if number%50 == 49 {
			fmt.Println("wrote", number+1)
		}
	}
}

// insist repeats what a cut connection left unanswered; so the second try may find it done.
func insist(ctx context.Context, done func(error) bool, what func() error) {
	must(wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		err := what()
		if err == nil || done(err) {
			return true, nil
		}
		if status, answered := err.(apierrors.APIStatus); answered {
			check(status.Status().Code == http.StatusServiceUnavailable, "refused", err)
		}
		return false, nil
	}))
}

// settled waits until each follower has what a fresh list has, which must have what was acknowledged.
func settled(ctx context.Context, client kubernetes.Interface, dyn dynamic.Interface, known map[string]bool, maps, websites *follower) {
	listed, err := client.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
	must(err, "list")
	want := map[string]string{}
	for _, one := range listed.Items {
		want[one.Name] = one.ResourceVersion
	}
	all, err := dyn.Resource(v1.GroupVersion.WithResource("websites")).Namespace(namespace).List(ctx, metav1.ListOptions{})
	must(err, "list")
	wantSites := map[string]string{}
	for _, one := range all.Items {
		wantSites[one.GetName()] = one.GetResourceVersion()
	}
	for name, there := range known {
		check((want[name] != "") == there && (wantSites[name] != "") == there, "acknowledged, and lost:", name, there)
	}
	for _, pair := range []struct {
		follower *follower
		want     map[string]string
	}{{maps, want}, {websites, wantSites}} {
		err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
			return pair.follower.is(pair.want), nil
		})
		must(err, pair.follower.what, "of the informer are not those of the list")
	}
}
