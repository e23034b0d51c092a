package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1 "podwire.dev/operator/api/v1"
)

const (
	finalizer = "shop.example.com/farewell"
	byImage   = "spec.image"
)

func scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	must(clientscheme.AddToScheme(scheme))
	must(v1.AddToScheme(scheme))
	return scheme
}

// operate is an operator as kubebuilder's users write it: elected, cached, reconciling.
func operate(ctx context.Context) {
	log.SetLogger(zap.New())
	manager, err := ctrl.NewManager(config(), ctrl.Options{
		Scheme:                        scheme(),
		Metrics:                       metrics.Options{BindAddress: "0"},
		LeaderElection:                true,
		LeaderElectionID:              "websites.shop.example.com",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 ptr.To(8 * time.Second),
		RenewDeadline:                 ptr.To(7 * time.Second),
		RetryPeriod:                   ptr.To(300 * time.Millisecond),
	})
	must(err, "manager")
	must(manager.GetFieldIndexer().IndexField(ctx, &v1.Website{}, byImage, func(obj client.Object) []string {
		return []string{obj.(*v1.Website).Spec.Image}
	}), "index")
	must(builder.ControllerManagedBy(manager).
		For(&v1.Website{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		Complete(&reconciler{manager.GetClient(), manager.GetEventRecorder("website-operator")}), "controller")
	go func() {
		<-manager.Elected()
		fmt.Println("elected")
	}()
	must(manager.Start(ctx), "manager")
}

type reconciler struct {
	client.Client
	events events.EventRecorder
}

// Reconcile makes a site's Deployment and Service, and tells its status; a site that goes leaves a ConfigMap.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	site := &v1.Website{}
	if err := r.Get(ctx, request.NamespacedName, site); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !site.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.farewell(ctx, site)
	}
	if controllerutil.AddFinalizer(site, finalizer) {
		if err := r.Update(ctx, site); err != nil {
			return ctrl.Result{}, err
		}
	}
	made := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: site.Name, Namespace: site.Namespace}}
	did, err := controllerutil.CreateOrUpdate(ctx, r.Client, made, func() error {
		wanted := deployment(site.Name, *site.Spec.Replicas)
		made.Spec.Replicas = wanted.Spec.Replicas
		if made.Spec.Selector == nil {
			made.Spec = wanted.Spec
		}
		made.Spec.Template.Spec.Containers[0].Image = site.Spec.Image
		return controllerutil.SetControllerReference(site, made, r.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	if did == controllerutil.OperationResultCreated {
		r.events.Eventf(site, made, corev1.EventTypeNormal, "Created", "Create", "made Deployment %s", made.Name)
	}
	if err := r.Apply(ctx, service(site), client.FieldOwner("website-operator"), client.ForceOwnership); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.tell(ctx, site, made)
}

func service(site *v1.Website) *coreapply.ServiceApplyConfiguration {
	owner := metaapply.OwnerReference().WithAPIVersion(v1.GroupVersion.String()).WithKind("Website").
		WithName(site.Name).WithUID(site.UID).WithController(true).WithBlockOwnerDeletion(true)
	return coreapply.Service(site.Name, site.Namespace).WithOwnerReferences(owner).WithSpec(coreapply.ServiceSpec().
		WithSelector(map[string]string{"app": site.Name}).WithPorts(coreapply.ServicePort().WithPort(80)))
}

// tell patches the status subresource, with optimistic locking.
func (r *reconciler) tell(ctx context.Context, site *v1.Website, made *appsv1.Deployment) error {
	same := &v1.WebsiteList{}
	if err := r.List(ctx, same, client.InNamespace(site.Namespace), client.MatchingFields{byImage: site.Spec.Image}); err != nil {
		return err
	}
	before := site.DeepCopy()
	site.Status.ObservedGeneration = site.Generation
	site.Status.Replicas, site.Status.Ready = made.Status.Replicas, made.Status.ReadyReplicas
	site.Status.Selector = "app=" + site.Name
	ready := metav1.ConditionFalse
	if made.Status.ReadyReplicas == *site.Spec.Replicas && made.Status.ObservedGeneration == made.Generation {
		ready = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&site.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: ready, Reason: "Counted", ObservedGeneration: site.Generation,
		Message: fmt.Sprintf("%d of %d", made.Status.ReadyReplicas, *site.Spec.Replicas),
	})
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return r.Status().Patch(ctx, site, patch)
}

func (r *reconciler) farewell(ctx context.Context, site *v1.Website) error {
	note := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "farewell-" + site.Name, Namespace: site.Namespace}}
	if err := r.Create(ctx, note); client.IgnoreAlreadyExists(err) != nil {
		return err
	}
	if controllerutil.RemoveFinalizer(site, finalizer) {
		return client.IgnoreNotFound(r.Update(ctx, site))
	}
	return nil
}
