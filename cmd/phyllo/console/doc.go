// Package console is what a run of the program sees of its surroundings, and how it
// speaks with them: what it prints for people and for programs, questions, progress,
// files with secrets, the node of its home. Commands know no terminal but this one, so
// tests run them without any.
package console
