// Package storetest is the conformance suite of package store. Every
// implementation runs it:
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return mem.New() })
//	}
//
// Run checks what holds for every store, from one goroutine. RunConcurrent
// checks stores that many goroutines may use, RunReopen those that come back
// after Close. The same for blobs are RunBlobs, RunBlobsModel, RunBlobsConcurrent and
// RunBlobsReopen; RunBlobsDamage checks what is done about a bit that has changed.
package storetest
