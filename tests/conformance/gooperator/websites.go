package main

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	v1 "podwire.dev/operator/api/v1"
)

// siteClient is what client-gen makes of a kind: its verbs, by way of a REST client.
type siteClient struct {
	rest   rest.Interface
	params runtime.ParameterCodec
}

func websites(cfg *rest.Config) siteClient {
	scheme := runtime.NewScheme()
	must(v1.AddToScheme(scheme))
	own := rest.CopyConfig(cfg)
	own.GroupVersion, own.APIPath = &v1.GroupVersion, "/apis"
	own.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(own)
	must(err)
	return siteClient{client, runtime.NewParameterCodec(scheme)}
}

func (c siteClient) create(ctx context.Context, site *v1.Website) (*v1.Website, error) {
	return site1(ctx, c.rest.Post().Namespace(namespace).Resource("websites").Body(site))
}

func (c siteClient) update(ctx context.Context, site *v1.Website) (*v1.Website, error) {
	return site1(ctx, c.rest.Put().Namespace(namespace).Resource("websites").Name(site.Name).Body(site))
}

func (c siteClient) updateStatus(ctx context.Context, site *v1.Website) (*v1.Website, error) {
	put := c.rest.Put().Namespace(namespace).Resource("websites").Name(site.Name).SubResource("status")
	return site1(ctx, put.Body(site))
}

func (c siteClient) patch(ctx context.Context, name string, kind types.PatchType, body string) (*v1.Website, error) {
	return site1(ctx, c.rest.Patch(kind).Namespace(namespace).Resource("websites").Name(name).Body([]byte(body)))
}

func (c siteClient) list(ctx context.Context, options metav1.ListOptions) (*v1.WebsiteList, error) {
	list := &v1.WebsiteList{}
	get := c.rest.Get().Namespace(namespace).Resource("websites").VersionedParams(&options, c.params)
	return list, get.Do(ctx).Into(list)
}

func (c siteClient) watch(ctx context.Context) (watch.Interface, error) {
	options := metav1.ListOptions{Watch: true}
	return c.rest.Get().Namespace(namespace).Resource("websites").VersionedParams(&options, c.params).Watch(ctx)
}

func (c siteClient) delete(ctx context.Context, name string) error {
	body := &metav1.DeleteOptions{}
	return c.rest.Delete().Namespace(namespace).Resource("websites").Name(name).Body(body).Do(ctx).Error()
}

func site1(ctx context.Context, request *rest.Request) (*v1.Website, error) {
	site := &v1.Website{}
	return site, request.Do(ctx).Into(site)
}
