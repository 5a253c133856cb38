// Package transporttest checks that implementations of the transport contract keep it, and breaks
// streams on purpose.
//
// [TestConn] and [TestDialer] are the conformance kits; [TestProtocol] runs the table of RFC 6455
// cases against a driver of the codec. [Faulty] is a net.Conn that cuts, slices, delays or stalls a
// stream, exact to the byte and the same for the same seed; [Authority] makes certificates.
package transporttest
