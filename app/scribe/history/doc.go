// Package history is what one node has of a group's messages: batches by stream, which of
// them are missing, which are kept no longer, and how far a member has read. It knows
// neither network nor signatures: who adds a batch or a seal has checked it.
//
// A History is bounded by the number of messages, by bytes, by age and by the number of
// streams. Numbers far beyond what was heard of are not taken (Window), so that one who
// publishes them cannot block what comes before.
//
// A Reader gives each message once, in the order of its stream. What is lost for good is
// told as a Gap: it never passes over one in silence.
package history
