// Package transporttest checks implementations of the transport contract, and injects faults into
// streams.
//
// [TestConn] and [TestDialer] are the conformance kits. [TestProtocol] runs the table of RFC 6455
// and RFC 7692 cases against a driver of the codec. [Faulty] is a net.Conn that cuts, slices,
// delays or stalls a stream at an exact byte, and repeats the run of a seed. [Authority] issues
// certificates.
package transporttest
