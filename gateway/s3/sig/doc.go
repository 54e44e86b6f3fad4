// Package sig checks the signatures of S3: AWS Signature Version 4, in a header, in the
// address (presigned), and of bodies that come in chunks, each signed by itself.
//
// Parse reads what a request says of its signature and refuses what is no signature or
// not of today; Claim.Good computes it with a secret. Claim.Body then returns what is
// in the body: what was signed about that shows at its end, so the reader reports an
// error in the place of io.EOF, and nothing may be done with the content before.
//
// Each header "x-amz-..." and the host must be signed, so that nobody on the way can add
// one; where nothing is said of the body, as by curl before 8, it is not signed, as with
// UNSIGNED-PAYLOAD. Any region is good: a ring has none. Version 2 is refused.
package sig
