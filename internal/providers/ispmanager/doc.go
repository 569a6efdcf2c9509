// Package ispmanager buys certificates in a BILLmanager: that of ISPmanager
// (https://www.ispmanager.com) or of one of its partners.
//
// Authority for the wire is the vendor's page
// https://ispmanager.com/docs/reselling/resell-ssl-api ("API page" in comments). What
// BILLmanager does in general is in https://www.ispsystem.com/docs/b6c/developer-section
// ("developer pages") and in the vendor's own processing modules,
// https://github.com/ISPsystemLLC/billmanager ("modules"). What none tells is marked
// "assumption: unconfirmed on a live account".
//
// Every answer has HTTP status 200, and every call is a POST, so that password and CSR
// stay out of URLs. A lost order is found in the list by comparing CSRs; that an order
// doesn't exist can't be known, because nothing says that the list is complete.
package ispmanager
