// What Go's crypto/x509 says of a server's certificate.
//
//	go run verify.go ROOT.pem LEAF.pem HOST
//
// Prints "accepted" or Go's own reason; exits with 2 when a file cannot be read.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fail("usage: verify.go ROOT.pem LEAF.pem HOST")
	}
	roots := x509.NewCertPool()
	roots.AddCert(read(os.Args[1]))
	if _, err := read(os.Args[2]).Verify(x509.VerifyOptions{Roots: roots, DNSName: os.Args[3]}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("accepted")
}

func read(file string) *x509.Certificate {
	text, err := os.ReadFile(file)
	if err != nil {
		fail(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		fail(file + ": no PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		fail(err)
	}
	return cert
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(2)
}
