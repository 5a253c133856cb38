package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Client is a connection to an agent's socket. It is used by one goroutine at a time.
type Client struct {
	conn  net.Conn
	lines *bufio.Scanner
	next  int
}

// Dial connects and says hello as name.
func Dial(ctx context.Context, path, name string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf(
			"no agent answers at %s: %w; is `device run` running, and is control.socket the same?",
			path,
			err,
		)
	}
	c := &Client{conn: conn, lines: bufio.NewScanner(conn)}
	c.lines.Buffer(make([]byte, 0, 1024), maxLine)
	api := API
	answer, err := c.exchange(ctx, Frame{Type: typeHello, Name: name, Role: RoleObserver, API: &api})
	if err == nil && answer.Type != typeWelcome {
		err = fmt.Errorf("hello: unexpected answer of type %q", answer.Type)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Call sends a request and reads its answer into result, which may be nil. An answer that is an
// error is an [*Error].
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	c.next++
	f := Frame{Type: typeRequest, ID: quote(strconv.Itoa(c.next)), Method: method}
	if params != nil {
		raw, err := json.Marshal(params)
		if err != nil {
			return err
		}
		f.Params = raw
	}
	answer, err := c.exchange(ctx, f)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("%s: the answer cannot be read: %w", method, err)
	}
	return nil
}

func (c *Client) exchange(ctx context.Context, f Frame) (Frame, error) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.conn.SetDeadline(deadline)
	}
	data, err := json.Marshal(f)
	if err != nil {
		return Frame{}, err
	}
	if _, err := c.conn.Write(append(data, '\n')); err != nil {
		return Frame{}, err
	}
	if !c.lines.Scan() {
		if err := c.lines.Err(); err != nil {
			return Frame{}, err
		}
		return Frame{}, errors.New("the agent closed the connection")
	}
	answer, err := parseFrame(c.lines.Bytes())
	if err != nil {
		return Frame{}, err
	}
	if answer.Error != nil {
		return Frame{}, answer.Error
	}
	return answer, nil
}
