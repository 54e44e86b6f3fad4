// Package control serves the control interface of a node (package api): on a Unix
// socket for programs of the user who runs the node, and on loopback for the page
// in a browser.
//
// # Who is let in
//
// The socket lies in the home folder with mode 0600; the other end's user number is
// asked of the kernel, and another user is refused. Where the home's path is too
// long for a socket, it lies in a private folder of the user and the home has a
// symbolic link to it.
//
// The page's address is on loopback only, and a browser runs scripts of everybody.
// So a request there needs an exact Host (against DNS rebinding), an exact Origin
// where it changes anything (against requests forged by other pages), and a cookie,
// HttpOnly and SameSite=Strict. The cookie is set by a ticket that works once, for
// a minute, and is given out on the socket alone. Operations whose answer or
// argument is a secret are not served there at all. What the page may load is
// restricted to this server (Content-Security-Policy).
//
// # What is let in
//
// Headers of at most 32 KiB and 100 lines within 5 s, addresses of 8 KiB, bodies of
// 1 MiB within 10 s. JSON of at most 64 levels, without duplicate or unknown keys,
// in valid UTF-8. Everything refused is counted (api.BadInputMetric), and logged
// once a minute for each kind.
package control
