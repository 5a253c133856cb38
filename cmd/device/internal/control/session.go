package control

import (
	"bufio"
	"encoding/json"
	"net"
	"sync"
	"time"
)

// Times of a connection.
const (
	helloTimeout = 5 * time.Second // until the hello is complete
	writeTimeout = 5 * time.Second // for a reader that does not read
)

// session is one connection. Its lines are handled one after the other, so answers keep the order
// of the requests; events go out from a goroutine of their own and lie between.
type session struct {
	server *Server
	conn   net.Conn
	write  sync.Mutex
	events chan Frame

	mu     sync.Mutex
	wanted map[string]bool
}

func newSession(s *Server, c net.Conn) *session {
	return &session{server: s, conn: c, events: make(chan Frame, maxEvents)}
}

// serve ends with the connection.
func (s *session) serve() {
	var pump sync.WaitGroup
	ended := make(chan struct{})
	defer pump.Wait()
	defer close(ended)
	defer s.conn.Close()
	defer s.server.remove(s)

	lines := bufio.NewScanner(s.conn)
	lines.Buffer(make([]byte, 0, 1024), maxLine)
	_ = s.conn.SetReadDeadline(time.Now().Add(helloTimeout))
	if !lines.Scan() || !s.hello(lines.Bytes()) {
		return
	}
	_ = s.conn.SetReadDeadline(time.Time{})
	pump.Go(func() { s.pump(ended) })
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			continue
		}
		if s.send(s.handle(line)) != nil {
			return
		}
	}
	if lines.Err() == bufio.ErrTooLong { //nolint:errorlint // Scanner returns it as it is
		_ = s.send(Frame{Type: typeResponse, Error: &Error{CodeBadRequest, tooLong}})
	}
}

// hello answers the first line; false ends the connection.
func (s *session) hello(line []byte) bool {
	var refusal *Error
	f, err := parseFrame(line)
	if err != nil {
		refusal = &Error{CodeBadRequest, err.Error()}
	} else {
		refusal = checkHello(f)
	}
	if refusal == nil && f.Role == RoleController && !s.server.takeController(s) {
		refusal = &Error{CodeControllerTaken, "another controller is connected"}
	}
	if refusal != nil {
		_ = s.send(Frame{Type: typeResponse, ID: quote(typeHello), Error: refusal})
		return false
	}
	role, api := f.Role, API
	if role == "" {
		role = RoleObserver
	}
	s.want(f.Subscribe)
	return s.send(
		Frame{
			Type:         typeWelcome,
			AgentVersion: s.server.opts.Version,
			API:          &api,
			Role:         role,
			UpdateTool:   UpdateTool,
		},
	) == nil
}

func (s *session) send(f Frame) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err = s.conn.Write(append(data, '\n'))
	return err
}

// quote makes a text an id.
func quote(text string) json.RawMessage {
	data, _ := json.Marshal(text) //nolint:errchkjson // a string can always be written
	return data
}
