// Package tree is the directory of a space: all its names in one sorted tree (a B+tree), whose
// nodes are never changed. A change writes the nodes on the way from the root anew, as
// many changes as there are in one go, and gives another root; who has the old root still sees
// the old tree, whole. So a tree is changed by changing one reference, and many names at
// once or none.
//
// Nodes are loaded and saved by whoever uses the tree (Store): this room knows neither storage nor
// keys. All of it that comes from outside is checked when it is decoded.
package tree
