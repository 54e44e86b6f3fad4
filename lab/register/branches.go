package register

import (
	"fmt"
	"slices"
)

// Replaces notes which content a change was to replace: the client had read it.
func (r *Register) Replaces(op int, content string) { r.ops[op].base = &content }

// CheckBranches returns an error if a change that was made is lost, though it may have been in
// a part of the ring that had lost sight of the others: then its version was made twice, and
// what was seen was not seen one after another. Of all that was made each content must be
// among what there is in the end, the current one and its rivals, or have been replaced.
func (r *Register) CheckBranches(left ...string) error {
	for _, op := range r.ops {
		if op.outcome != made || slices.Contains(left, op.content) {
			continue
		}
		if !slices.ContainsFunc(r.ops, func(x registerOp) bool {
			return !x.read && x.outcome != conflict && x.version == op.version+1 && (x.base == nil || *x.base == op.content)
		}) {
			return fmt.Errorf("register: version %d was made as %q, nobody replaced it, and %q are left", op.version, op.content, left)
		}
	}
	return nil
}
