// Package viewer shows storms of the lab in a browser: the ring, where its nodes stand,
// messages along their hops, faults as they strike, and what a node knew at any moment.
// It is how a developer comes to understand a seed that fails, and how a newcomer sees
// what Pastry does.
//
// A storm is recorded by its flags alone, as the same flags give the same storm, so the
// address of a moment is all that another person needs to see it. The server runs a storm
// when it is asked for, and tells what happens line by line while it runs:
//
//	GET v1/storm?seeds=7&nodes=16&rage=2m&leaf=8&without=drop,crash
//	                          events, one JSON object a line; the last one is {"e":"end"}
//	GET v1/look?…&at=83500000 what each node knew at so many microseconds
//	GET v1/kinds              the kinds of faults
//	GET v1/first              the storm of a page whose address says none, as the address has it
//
// What it serves is embedded and asks for nothing from elsewhere. It answers only under
// its own address, so that no other page can reach it through a browser.
package viewer
