// Package password keeps app passwords: what a person gives to a program of his (rclone,
// a file manager) so that it may use one space through one door, and nothing else.
//
// A password is random (200 bits), shown once, for one door and one space, maybe for
// reading alone, maybe until a day. Of WebDAV's only a hash is kept. S3's signatures
// are made with the secret itself, so that is kept, in a file with mode 0600 in the
// node's home; who can read that can read the node's keys too.
//
// Whoever gives wrong ones is slowed down: of one address and one key, or all unknown
// keys together, maxWrong are looked at, then one in each wrongTime; the others are
// refused before anything is computed, right ones too. So a program with a wrong
// password does not hold up those with other keys.
package password
