// Package topics has the commands about topics and work, which are for programs: pub,
// sub, topic and work.
package topics
