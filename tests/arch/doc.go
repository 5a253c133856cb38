// Package arch tests the shape of the source tree: who imports whom, what pure packages may not do,
// how large things may get, and what the device binary may not link. ARCHITECTURE.md says why.
//
// A new package needs a row in the table of imports_test.go and a doc comment; nothing here has to
// be called. The checks read the sources as text and syntax, so they need no build, and they
// tolerate folders that are not there. Other build configurations than the files' own constraints
// suggest are not considered: every .go file counts.
package arch
