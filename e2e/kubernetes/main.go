// Command kubernetes is the part of a Kubernetes control plane that an issuer
// needs, in one executable. The name it is called by (argv[0]) chooses the
// program: etcd, kube-apiserver, or kube-controllers (garbage collection,
// namespace deletion and default service accounts).
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controllers":
		os.Exit(cli.Run(newControllersCommand()))
	default:
		fmt.Fprintf(os.Stderr, "%s: call this executable as etcd, kube-apiserver or kube-controllers\n", name)
		os.Exit(2)
	}
}
