// Package message defines what the actors of one device say to each other across rooms.
//
// Messages are plain values, immutable after Send, delivered at most once and in order per pair of
// actors. There is one file for each receiver. The comment of a type names its sender and what
// follows when the message is lost; the table in package actors shows them all. What an actor sends
// to itself or inside its own room is defined there.
package message
