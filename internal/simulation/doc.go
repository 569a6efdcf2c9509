// Package simulation proves by exhaustion that nothing is paid twice: its tests run the whole
// path of an order, from a request to its certificate, and stop it at every step.
//
// What is real: signer, order, ledger, the five providers with their HTTP transport, and the five
// protocols of the sandbox. What is simulated: the Kubernetes API ([store.Store]), the network
// (an http.RoundTripper), name servers, cert-manager, and time, which is that of a synctest
// bubble: it passes only while everything waits.
//
// A run is a scenario (what is to be bought), a reseller, and a schedule. The processes of a run
// have workers, of which one runs at a time. Before and after each write to the API, before a
// request to the reseller leaves, before its reply leaves, and when that has come, a worker is at a
// point, and the schedule says what happens there: nothing, the death of the process, a failure of
// the call, or a freeze from which it wakes up at some point of a later process. The same schedule
// gives the same trace.
//
// After each run the sandbox's own ledger is held against what was intended, and every request
// must have its certificate, or its order be held with a message; then a person says what the
// reseller's panel shows, and the certificate must come.
package simulation
