// Package webdav lets file managers and programs that speak WebDAV (RFC 4918: rclone,
// cadaver, davfs2, desktops) use spaces: /SPACE/PATH is a file. The protocol is
// golang.org/x/net/webdav's; what that leaves to its user, or gets wrong, is here:
//
//   - A body that ends early changes nothing; a file shows whole or not at all.
//   - A copy moves no content, and a move is one change of the space.
//   - If-Match and If-None-Match: * of a PUT are decided together with the change.
//   - What cannot be reached now has the answer 503 and not 404, so that no program takes it
//     for removed; a list that fails in its middle is broken off.
//   - Overwrite is T if it is not given, and nothing is moved or copied into itself.
//   - Locks can be shared, and conditions of tags and Not are looked at.
//   - Locks end after an hour at most, or when the node ends, and there are at most MaxLocks
//     of them; their tokens cannot be guessed.
//   - XML from outside is looked at first (front.CheckXML), and PROPFIND to any depth is
//     refused.
//
// Who asks has an app password (package password), by HTTP's Basic authentication; it is good
// for one space, and maybe for reading alone.
package webdav
