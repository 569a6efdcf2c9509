// Package sandbox is a simulated SSL reseller: orders, money, validation and a
// throw-away CA whose certificates nobody trusts. It sells nothing and buys nothing.
//
// An Engine is the reseller without a wire protocol, a Protocol (CyberSSL, AutoDNS,
// ISPmanager, ConnectReseller, Resello) is one vendor's API on top of it, and a Server serves protocols over HTTP with the faults
// that tests inject. Server.RoundTripper serves them inside one process. Time and
// randomness are injected through Config, so a simulated year takes no time;
// call Engine.Tick to let the CA look at published records and files.
//
// # What the engine promises
//
// Every effect that can't be taken back is one line of the ledger, written in the
// same critical section: a test that counts lines knows what was bought. A leaf
// never outlives the paid term. Reissues are free and leave older certificates valid,
// except at Resello, whose vendor says that they become invalid at once.
//
// # Logging in
//
// An Account has a Name and a Key, DefaultAccount and DefaultAPIKey unless configured. At
// CyberSSL the key is the apikey; at AutoDNS they are user and password of HTTP Basic,
// with the header X-Domainrobot-Context: 9; at ISPmanager authinfo is NAME:KEY; at Resello
// they are user and password of HTTP Basic; at ConnectReseller the key is the APIKey, and
// the account's numbers and encryption are in ConnectResellerOptions, with constants of
// this package (ConnectResellerID, …) as defaults.
//
// # Admin API
//
// AdminHandler answers JSON under /admin/. Errors are {"error": TEXT} with status
// 400, 404 or 409. ID is the number of an order, of one of its jobs, or Resello's id.
//
//	GET    /admin/healthz                  {"ok":true,…}
//	GET    /admin/ledger?kind=&account=    list of Entry, oldest first; kind may be repeated
//	GET    /admin/orders                   list of Order, also those not visible in lists
//	GET    /admin/order/ID                 Order with challenges and certificates
//	POST   /admin/order/ID/approve?name=   validates all names, or those given: a click in an e-mail
//	POST   /admin/order/ID/reject?reason=  the CA refuses; no refund
//	POST   /admin/order/ID/cancel?reason=  ends the order; refunds what was never issued
//	GET    /admin/accounts                 list of Account, without keys
//	POST   /admin/balance                  {"account":"sandbox","balance":"100.00"}; the first account by default
//	GET    /admin/faults                   faults that may still strike
//	POST   /admin/faults                   one Fault or a list, {"kind":"drop-after","op":"buy"}
//	DELETE /admin/faults                   removes all faults
//	POST   /admin/expire-tokens            ends all sessions
//	POST   /admin/reset                    forgets everything, restores balances
//	GET    /admin/ca                       the root in PEM
package sandbox
