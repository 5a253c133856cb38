package hubtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
)

// client is a device that says what a test wants it to.
type client struct {
	t    *testing.T
	conn transport.Conn
}

const joinFormat = `["%[1]s","%[1]s","device","phx_join",{"device_api_version":"%[2]s","nerves_fw_uuid":"%[3]s",` +
	`"nerves_fw_product":"demo","nerves_fw_platform":"rpi4","nerves_fw_architecture":"arm","nerves_fw_version":"1.0.0",` +
	`"currently_downloading_uuid":%[4]s,"meta":{"firmware_validated":%[5]t}}]`

func request(t testing.TB, h *Hub, s auth.SharedSecret) transport.Request {
	t.Helper()
	u, err := url.Parse(h.URL() + "/device-socket/websocket?vsn=2.0.0")
	require.NoError(t, err)
	signed, err := s.Sign(h.cfg.Now())
	require.NoError(t, err)
	header := http.Header{}
	for _, one := range signed {
		header.Set(one.Name, one.Value)
	}
	return transport.Request{URL: u, Header: header}
}

func dial(t *testing.T, h *Hub, id string) *client {
	t.Helper()
	conn, err := h.Dialer().Dial(t.Context(), request(t, h, h.Secret(id)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Abort() })
	return &client{t, conn}
}

// joined dials and joins the device channel; what follows the answer is read too.
func joined(t *testing.T, h *Hub, id, api, uuid string) *client {
	t.Helper()
	c := dial(t, h, id)
	c.join("1", api, uuid, "null", true)
	return c
}

func (c *client) join(ref, api, uuid, downloading string, validated bool) {
	c.t.Helper()
	c.send(fmt.Sprintf(joinFormat, ref, api, uuid, downloading, validated))
	require.Equal(
		c.t,
		`["`+ref+`","`+ref+`","device","phx_reply",{"response":{},"status":"ok"}]`,
		c.read(),
	)
}

func (c *client) send(frame string) {
	c.t.Helper()
	require.NoError(c.t, c.conn.WriteMessage(transport.Text, []byte(frame)))
}

func (c *client) read() string {
	c.t.Helper()
	_, data, err := c.conn.ReadMessage(nil)
	require.NoError(c.t, err)
	return string(data)
}

// settle makes sure that the hub has handled all that was sent, and has said nothing else.
func (c *client) settle() {
	c.t.Helper()
	c.send(`[null,"999","phoenix","heartbeat",{}]`)
	require.Equal(c.t, `[null,"999","phoenix","phx_reply",{"response":{},"status":"ok"}]`, c.read())
}

func (c *client) closed() *transport.CloseError {
	c.t.Helper()
	for {
		if _, _, err := c.conn.ReadMessage(nil); err != nil {
			var end *transport.CloseError
			require.True(c.t, errors.As(err, &end), "%v", err)
			return end
		}
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
