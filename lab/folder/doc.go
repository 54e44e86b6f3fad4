// Package folder is what a storm does with a space: several people put, copy, move and remove files in it from
// any node, and what they were told is remembered here, where no fault strikes. In the end nothing that was
// acknowledged may be missing, and no name be without its content.
//
// Each file of a storm is unlike all others, and one thing at a time is done with it; so it is known which names
// it may have. Besides, all of them put a few names again and again, and claim others under the
// condition that nobody has them: of those who claim one name one alone may be told that he has it.
package folder
