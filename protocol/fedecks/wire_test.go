package fedecks

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/etf"
)

func TestControlCannotBeSent(t *testing.T) {
	for name, term := range map[string]etf.Term{
		"token request":    etf.Charlist("token_please"),
		"token message":    etf.Tuple{etf.Charlist("token"), etf.OK},
		"stored token":     etf.Tuple{etf.Atom("fedecks_token"), etf.Nil},
		"pong":             etf.Tuple{etf.Atom("fedecks_server_pong"), etf.Binary("dev-1")},
		"request as a raw": nil,
	} {
		if term == nil {
			require.ErrorIs(t, CheckRaw([]byte("\x83k\x00\x0ctoken_please")), ErrReserved, name)
			continue
		}
		_, err := Encode(term)
		require.ErrorIs(t, err, ErrReserved, name)
	}
	for name, v := range map[string]any{
		"a binary": "token_please", "triple": etf.Tuple{etf.Charlist("token"), etf.OK, etf.OK},
		"other list": etf.Charlist("tokem_please"),
	} {
		_, err := Encode(v)
		require.NoError(t, err, name)
	}
	require.NoError(t, CheckRaw([]byte("\x83 not a term")))
	require.NoError(t, CheckRaw(nil))
}

func header(t *testing.T, term etf.Term) []string {
	data, err := etf.Encode(term)
	require.NoError(t, err)
	return []string{base64.StdEncoding.EncodeToString(data)}
}

func pair(
	key string,
	value etf.Term,
) etf.Pair {
	return etf.Pair{Key: etf.Binary(key), Value: value}
}

// deflated is a compressed tuple of n empty lists.
func deflated(t *testing.T, n int) []byte {
	body := binary.BigEndian.AppendUint32([]byte{'i'}, uint32(n))
	body = append(body, bytes.Repeat([]byte{'j'}, n)...)
	b := bytes.NewBuffer(binary.BigEndian.AppendUint32([]byte{131, 'P'}, uint32(len(body))))
	z := zlib.NewWriter(b)
	_, err := z.Write(body)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestAuthHeader(t *testing.T) {
	login, err := LoginHeader(
		"dev-1",
		etf.Map{
			pair("password", etf.Binary("p")),
			pair(keyDevice, etf.Binary("forged")),
			pair(keyToken, etf.Binary("x")),
		},
	)
	require.NoError(t, err)
	a, err := ParseAuth([]string{login}, Codec{})
	require.NoError(t, err)
	require.Equal(t, "dev-1", a.Device, "the client's own id wins")
	require.False(t, a.HasToken)
	password, _ := a.Credentials.Text("password")
	require.Equal(t, "p", password)

	token, err := TokenHeader("dev-1", "XCP.x")
	require.NoError(t, err)
	a, err = ParseAuth([]string{token}, Codec{})
	require.NoError(t, err)
	require.True(t, a.HasToken)
	require.Equal(t, "XCP.x", a.Token)

	_, err = LoginHeader("dev-1", etf.Map{pair("password", etf.Binary(strings.Repeat("x", 800)))})
	require.ErrorContains(t, err, "shorten")
	bomb := base64.StdEncoding.EncodeToString(deflated(t, 100_000))
	require.Less(t, len(bomb), 1024)
	_, err = ParseAuth([]string{base64.StdEncoding.EncodeToString(deflated(t, 1000))}, Codec{})
	require.ErrorContains(t, err, "not a map", "a compressed term is read")
	for name, tc := range map[string]struct {
		values []string
		want   error
		info   string
	}{
		"none":         {nil, ErrAuthHeader, "missing"},
		"two":          {[]string{login, login}, ErrAuthHeader, "more than one header"},
		"too long":     {[]string{strings.Repeat("A", 1024)}, ErrAuthHeader, "too long"},
		"URL alphabet": {[]string{"__--"}, ErrAuthHeader, "not base64"},
		"no padding": {[]string{strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("xx")),
			"=")}, ErrAuthHeader, "not base64"},
		"line end": {[]string{login[:4] + "\n" + login[4:]}, ErrAuthHeader, "not base64"},
		"no term":  {[]string{""}, ErrAuthHeader, "encoded binary auth was invalid or unsafe"},
		"a bomb":   {[]string{bomb}, ErrAuthHeader, "encoded binary auth was invalid or unsafe"},
		"no map":   {header(t, etf.OK), ErrAuthHeader, "not a map"},
		"no id":    {header(t, etf.Map{}), ErrAuthHeader, "no device id"},
		"id is a number": {
			header(t, etf.Map{pair(keyDevice, etf.Int(1))}), ErrAuthHeader,
			"device id is not a string of 1 to 125 octets",
		},
		"id is too long": {
			header(t, etf.Map{pair(keyDevice, etf.Binary(strings.Repeat("d", 126)))}),
			ErrAuthHeader, "device id is not a string of 1 to 125 octets",
		},
		"token is a number": {header(t, etf.Map{pair(keyDevice, etf.Binary("d")), pair(keyToken,
			etf.Int(1))}), ErrToken, "not a binary"},
	} {
		_, err := ParseAuth(tc.values, Codec{})
		require.ErrorIs(t, err, tc.want, name)
		var r *Refusal
		require.ErrorAs(t, err, &r)
		require.Equal(t, tc.info, r.Info, name)
	}
}

func TestTokenFile(t *testing.T) {
	data, err := TokenFile("XCP.abc")
	require.NoError(t, err)
	token, err := ReadTokenFile(data)
	require.NoError(t, err)
	require.Equal(t, "XCP.abc", token)
	token, err = ReadTokenFile([]byte("\x83d\x00\x03nil"))
	require.NoError(t, err)
	require.Empty(t, token, "the original's way to say none")
	for name, bad := range map[string]string{
		"empty": "", "text": "XCP.abc", "a number": "\x83a\x01", "cut": string(data[:len(data)-1]),
		"more": string(data) + "x", "control": "\x83m\x00\x00\x00\x01\n",
	} {
		_, err := ReadTokenFile([]byte(bad))
		require.ErrorIs(t, err, ErrDamagedFile, name)
	}
}
