// Package files is what the doors of a node need of its spaces: S3 (gateway/s3) and
// WebDAV (gateway/webdav) are written against it, and whoever keeps spaces fulfils
// it. gateway/files/memory is the whole of it in memory, gateway/files/filestest the
// suite that every implementation passes.
//
// # Names
//
// A space holds names, "photos/2026/a.jpg", as CheckName allows them. A name that
// ends with "/" is a folder's; it has attributes and no content. A folder is there
// while something is below it, or when it was put by its name, and then until it is
// removed. Nothing is a file and a folder at once: a Put that would make it so gets
// ErrClash. Lists are in the order of the names' bytes.
//
// # Versions
//
// Each change of a name gives it a version, a text that is never used again in the
// space. With history on (Space.History) older versions stay and can be read; with
// history off they are given up when they are replaced. Removing a name then leaves
// a mark (Entry.Removed) in the place of a version, as long as older ones are there.
//
// # Content
//
// What is written goes into a Draft, which nobody sees, and Put gives one draft or
// several in a row a name: so a door can look at a signature or a sum behind the last
// byte before anything changes, parts of an upload are joined without being moved, and
// a name never shows half of a file. Copy and Rename move no content. A draft says how its
// content is to be kept, in copies or as an archive (Class), and an entry how it is (Kept). A draft ends with the
// node, unless it was saved.
//
// # Conditions
//
// A Cond is decided together with the change, not before it. Where that cannot be
// promised now, as the majority that decides is away, a change with a condition gets
// ErrUnavailable; one without goes on if the space can keep it.
//
// All methods may be called from many goroutines, except those of one Draft. Texts and
// maps that are handed over are not changed afterwards, by neither side.
package files
