// Package suites is never built: it keeps what the published suites are made of in go.mod and go.sum.
package suites

import (
	_ "sigs.k8s.io/controller-runtime/pkg/client"
	_ "sigs.k8s.io/controller-runtime/pkg/envtest"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
