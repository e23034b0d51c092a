// Exec, attach and port-forward as most Go tools do them: client-go's SPDY executor and forwarder, and the
// WebSocket ones, on a pod "talk" with the containers main (busybox) and web (port 80), and an echo on 9000.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
)

const namespace = "NAMESPACE"

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Sprintf(format, args...))
	}
}

type sizes chan remotecommand.TerminalSize

func (s sizes) Next() *remotecommand.TerminalSize {
	size, ok := <-s
	if !ok {
		return nil
	}
	return &size
}

func urlOf(client *kubernetes.Clientset, sub string, options any) *url.URL {
	request := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(os.Getenv(namespace)).Name("talk").SubResource(sub)
	switch o := options.(type) {
	case *corev1.PodExecOptions:
		request.VersionedParams(o, scheme.ParameterCodec)
	case *corev1.PodAttachOptions:
		request.VersionedParams(o, scheme.ParameterCodec)
	}
	return request.URL()
}

func executors(config *rest.Config, where *url.URL) map[string]remotecommand.Executor {
	viaSpdy, err := remotecommand.NewSPDYExecutor(config, "POST", where)
	must(err)
	viaWebSocket, err := remotecommand.NewWebSocketExecutor(config, "GET", where.String())
	must(err)
	return map[string]remotecommand.Executor{"spdy": viaSpdy, "websocket": viaWebSocket}
}

func run(config *rest.Config, client *kubernetes.Clientset) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options := &corev1.PodExecOptions{Container: "main", Stdin: true, Stdout: true, Stderr: true,
		Command: []string{"sh", "-c", "wc -c; echo complaint >&2; exit 7"}}
	for how, executor := range executors(config, urlOf(client, "exec", options)) {
		var out, errs bytes.Buffer
		err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{
			Stdin: io.LimitReader(zeros{}, 5_000_000), Stdout: &out, Stderr: &errs})
		var code exec.CodeExitError
		check(errors.As(err, &code) && code.Code == 7, "%s: %v", how, err)
		check(strings.TrimSpace(out.String()) == "5000000", "%s: %q", how, out.String())
		check(errs.String() == "complaint\n", "%s: %q", how, errs.String())
		fmt.Println("exec", how)
	}
	options = &corev1.PodExecOptions{Container: "main", Stdout: true, Command: []string{"head", "-c", "20000000", "/dev/zero"}}
	for how, executor := range executors(config, urlOf(client, "exec", options)) {
		var got counter
		must(executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &got}))
		check(got == 20_000_000, "%s: %d bytes", how, got)
		fmt.Println("much output", how)
	}
	for _, how := range []string{"spdy", "websocket"} {
		window := make(sizes, 1)
		input, type_ := io.Pipe()
		out := &watched{}
		go func() {
			window <- remotecommand.TerminalSize{Width: 101, Height: 33}
			// The size goes on a stream of its own: ask until it is there.
			for !strings.Contains(out.String(), "33 101") {
				type_.Write([]byte("a\n"))
				time.Sleep(20 * time.Millisecond)
			}
			close(window)
			type_.Close()
		}()
		looping := &corev1.PodExecOptions{Container: "main", Stdin: true, Stdout: true, TTY: true,
			Command: []string{"sh", "-c", "while read x; do stty size; done; echo over"}}
		executor := executors(config, urlOf(client, "exec", looping))[how]
		must(executor.StreamWithContext(ctx, remotecommand.StreamOptions{
			Stdin: input, Stdout: out, Tty: true, TerminalSizeQueue: window}))
		check(strings.Contains(out.String(), "over"), "%s: %q", how, out.String())
		fmt.Println("terminal", how)
	}
	leaving, leave := context.WithCancel(ctx)
	options = &corev1.PodExecOptions{Container: "main", Stdout: true, Command: []string{"sh", "-c", "echo on; sleep 1000"}}
	out := &watched{}
	go func() {
		for !strings.Contains(out.String(), "on") {
			time.Sleep(10 * time.Millisecond)
		}
		leave()
	}()
	err := executors(config, urlOf(client, "exec", options))["spdy"].StreamWithContext(leaving, remotecommand.StreamOptions{Stdout: out})
	check(errors.Is(err, context.Canceled), "left: %v", err)
	fmt.Println("left in the middle")
	missing := &corev1.PodExecOptions{Container: "main", Stdout: true, Command: []string{"nosuch"}}
	for how, executor := range executors(config, urlOf(client, "exec", missing)) {
		err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: io.Discard})
		check(err != nil && strings.Contains(err.Error(), `exec: "nosuch": executable file not found in $PATH`), "%s: %v", how, err)
	}
}

func forward(config *rest.Config, client *kubernetes.Clientset) {
	where := urlOf(client, "portforward", nil)
	transport, upgrader, err := spdy.RoundTripperFor(config)
	must(err)
	viaSpdy := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, where)
	viaWebSocket, err := portforward.NewSPDYOverWebsocketDialer(where, config)
	must(err)
	for _, how := range []string{"spdy", "websocket"} {
		dialer := viaSpdy
		if how == "websocket" {
			dialer = viaWebSocket
		}
		stop, ready := make(chan struct{}), make(chan struct{})
		forwarder, err := portforward.New(dialer, []string{"0:80", "0:9000", "0:81"}, stop, ready, io.Discard, io.Discard)
		must(err)
		done := make(chan error)
		go func() { done <- forwarder.ForwardPorts() }()
		select {
		case <-ready:
		case err := <-done:
			panic(err)
		}
		ports, err := forwarder.GetPorts()
		must(err)
		web := fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local)
		var group sync.WaitGroup
		for range 20 {
			group.Add(1)
			go func() {
				defer group.Done()
				answer, err := http.Get(web)
				must(err)
				defer answer.Body.Close()
				body, err := io.ReadAll(answer.Body)
				must(err)
				check(strings.Contains(string(body), `"pod":"talk"`), "%s", body)
			}()
		}
		group.Wait()
		echoed := echo(ports[1].Local, 10_000_000)
		check(echoed == 10_000_000+len("bye"), "%s: %d bytes came back", how, echoed)
		refused, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[2].Local))
		must(err)
		got, _ := io.ReadAll(refused)
		check(len(got) == 0, "%q", got)
		// As upstream: after an error the forwarder gives up its connection.
		check(errors.Is(<-done, portforward.ErrLostConnectionToPod), "lost")
		fmt.Println("forward", how)
	}
}

// echo sends, half-closes, and counts what comes back.
func echo(port uint16, size int) int {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	must(err)
	defer connection.Close()
	go func() {
		_, err := io.CopyN(connection, zeros{}, int64(size))
		must(err)
		must(connection.(*net.TCPConn).CloseWrite())
	}()
	got, err := io.Copy(io.Discard, connection)
	must(err)
	return int(got)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

type watched struct {
	mutex sync.Mutex
	bytes bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.bytes.Write(p)
}

func (w *watched) String() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.bytes.String()
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(err)
	client, err := kubernetes.NewForConfig(config)
	must(err)
	run(config, client)
	forward(config, client)
	fmt.Println("OK")
}
