// Upstream's own decoding, defaults, write strategies, rules and printers, a JSON request a line.
//
// {"op": "create" | "update" | "table", "obj": …, "old": …} → {"error", "defaulted", "prepared", "causes",
// "columns", "cells"}. Feature gates stand at their defaults.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/discovery/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
	"k8s.io/kubernetes/pkg/printers"
	printersinternal "k8s.io/kubernetes/pkg/printers/internalversion"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/coordination/lease"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/endpoint"
	"k8s.io/kubernetes/pkg/registry/core/event"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/discovery/endpointslice"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
)

type strategy interface {
	rest.RESTCreateStrategy
	rest.RESTUpdateStrategy
}

var strategies = map[string]strategy{
	"ConfigMap": configmap.Strategy, "CronJob": cronjob.Strategy, "DaemonSet": daemonset.Strategy,
	"Deployment": deployment.Strategy, "EndpointSlice": endpointslice.Strategy, "Endpoints": endpoint.Strategy,
	"Event": event.Strategy, "Ingress": ingress.Strategy, "Job": job.Strategy, "Lease": lease.Strategy,
	"Namespace": namespace.Strategy, "NetworkPolicy": networkpolicy.Strategy, "Node": node.Strategy,
	"Pod": pod.Strategy, "PodDisruptionBudget": poddisruptionbudget.Strategy, "ReplicaSet": replicaset.Strategy,
	"Secret": secret.Strategy, "Service": service.Strategy, "ServiceAccount": serviceaccount.Strategy,
	"StatefulSet": statefulset.Strategy,
}

type question struct {
	Op       string
	Obj, Old json.RawMessage
}

type answer struct {
	Error     string                         `json:"error,omitempty"`
	Defaulted json.RawMessage                `json:"defaulted,omitempty"`
	Prepared  json.RawMessage                `json:"prepared,omitempty"`
	Causes    [][2]string                    `json:"causes,omitempty"`
	Columns   []metav1.TableColumnDefinition `json:"columns,omitempty"`
	Cells     []any                          `json:"cells,omitempty"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		if err := out.Encode(tell(asked)); err != nil {
			panic(err)
		}
	}
}

func tell(asked question) (told answer) {
	defer func() {
		if trouble := recover(); trouble != nil {
			told = answer{Error: fmt.Sprint("panic: ", trouble)}
		}
	}()
	obj, gvk, err := decode(asked.Obj)
	if err != nil {
		return answer{Error: err.Error()}
	}
	told.Defaulted = encode(obj, gvk.GroupVersion())
	if asked.Op == "table" {
		table, err := printers.NewTableGenerator().With(printersinternal.AddHandlers).
			GenerateTable(obj, printers.GenerateOptions{Wide: true})
		if err != nil {
			return answer{Error: err.Error()}
		}
		told.Columns, told.Cells = table.ColumnDefinitions, table.Rows[0].Cells
		return told
	}
	rules, found := strategies[gvk.Kind]
	if !found {
		return told
	}
	told.Causes = causes(judge(asked, obj, gvk, rules))
	told.Prepared = encode(obj, gvk.GroupVersion())
	return told
}

func judge(asked question, obj runtime.Object, gvk *schema.GroupVersionKind, rules strategy) error {
	about, err := meta.Accessor(obj)
	if err != nil {
		return err
	}
	ctx := request.WithNamespace(context.Background(), about.GetNamespace())
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{APIGroup: gvk.Group, APIVersion: gvk.Version})
	if asked.Op == "update" {
		old, _, err := decode(asked.Old)
		if err != nil {
			return err
		}
		return rest.BeforeUpdate(rules, ctx, obj, old)
	}
	uid := about.GetUID()
	rest.FillObjectMetaSystemFields(about)
	if uid != "" {
		about.SetUID(uid)
	}
	return rest.BeforeCreate(rules, ctx, obj)
}

func causes(err error) (listed [][2]string) {
	var status apierrors.APIStatus
	if err == nil {
		return nil
	}
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return [][2]string{{"", err.Error()}}
	}
	for _, cause := range status.Status().Details.Causes {
		listed = append(listed, [2]string{cause.Field, cause.Message})
	}
	return listed
}

func decode(raw []byte) (runtime.Object, *schema.GroupVersionKind, error) {
	scheme := legacyscheme.Scheme
	reader := kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, scheme, scheme, kjson.SerializerOptions{})
	return legacyscheme.Codecs.DecoderToVersion(reader, runtime.InternalGroupVersioner).Decode(raw, nil, nil)
}

func encode(obj runtime.Object, version schema.GroupVersion) json.RawMessage {
	scheme := legacyscheme.Scheme
	writer := kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, scheme, scheme, kjson.SerializerOptions{})
	text, err := runtime.Encode(legacyscheme.Codecs.EncoderForVersion(writer, version), obj)
	if err != nil {
		panic(err)
	}
	return text
}
