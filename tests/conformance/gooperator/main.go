// What Go programs do to an API server, one way of working a word: verbs, follow, operate, envtest.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// must ends the program with what went wrong and where.
func must(err error, what ...any) {
	if err != nil {
		fail(append(what, err)...)
	}
}

func fail(what ...any) {
	fmt.Println(append([]any{"FAIL:"}, what...)...)
	os.Exit(1)
}

func check(so bool, what ...any) {
	if !so {
		fail(what...)
	}
}

// config is of KUBECONFIG; built-in kinds travel as protobuf, as in every controller.
func config() *rest.Config {
	cfg, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(err, "kubeconfig")
	cfg.QPS, cfg.Burst = -1, -1
	return cfg
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ways := map[string]func(context.Context){"verbs": verbs, "follow": follow, "operate": operate, "envtest": existing}
	way, known := ways[os.Args[1]]
	check(known, "no such way:", os.Args[1])
	way(ctx)
	fmt.Println("OK")
}
