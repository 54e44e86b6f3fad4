// Package s3 lets programs that speak S3 (aws, rclone, restic, s3cmd, s3fs, boto3, curl,
// minio-go) use spaces: a bucket is a space, a key a file's name.
//
// # What is served
//
// Buckets: list, create, delete, head, location, versioning. Objects: get with ranges and
// conditions, head, put, copy, delete, delete many, lists in version 1 and 2 and of
// versions, uploads in parts. Conditions of writing (If-Match, If-None-Match: *) are
// decided together with the change. The address has the bucket in its path, never in
// the host's name. What else S3 has (tags, ACLs, policies, locks, encryption with one's own
// key) is refused with NotImplemented, or answered as by a bucket that has none of it.
//
// # Storage classes
//
// STANDARD is copies; GLACIER, DEEP_ARCHIVE and GLACIER_IR are an archive in parts (files.InParts), which
// is read like any other file, so that it is listed as GLACIER_IR. Whoever asks for its restoring has it at once. A
// ring that is too small for archives keeps copies, and says STANDARD. A copy is of its source's class
// unless another is asked for.
//
// # Who is let in
//
// Every request is signed (package sig) with an app password (package password), which is
// good for one space, and maybe for reading alone.
//
// # How a space differs from a bucket
//
// A space is a tree: keys have no empty parts, no "." and "..", and none is the
// beginning of another with a "/" behind it. A key that ends with "/" is a folder's and has no
// content. Uploads in parts belong to the node to which they were made, and outlive its restarts;
// they end a week after their last part.
//
// # Consistency
//
// Within a node a list has what was written before it. Through another node of the same
// space, what was written is read by who reads it, as the space decides at the root of
// its record.
package s3
