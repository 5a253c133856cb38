package protocol

// Close codes of a WebSocket (RFC 6455 section 7.4.1, and the IANA registry for
// CloseServiceRestart).
const (
	CloseNormal         = 1000
	CloseGoingAway      = 1001
	CloseProtocolError  = 1002
	CloseNoStatus       = 1005 // never on the wire: the close frame had no code
	CloseAbnormal       = 1006 // never on the wire: there was no close frame
	CloseInvalidData    = 1007
	ClosePolicy         = 1008
	CloseTooBig         = 1009
	CloseInternalError  = 1011
	CloseServiceRestart = 1012
)
