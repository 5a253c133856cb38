package server

import (
	"errors"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/fedecks"
)

// Push sends v, a term or Go value, on all connections of a device, on all nodes of the cluster.
// The message arrives once at most on each; nil means that it is on its way. Push returns
// ErrOffline, ErrBusy, fedecks.ErrReserved, or an error of the encoding. For a device on another
// node it returns errors of the bus (ErrTooLarge, ErrBusDown) and does not learn of ErrBusy.
func (s *Server) Push(device string, v any) error {
	data, err := fedecks.Encode(v)
	if err != nil {
		return fmt.Errorf("push to %s: %w", device, err)
	}
	err = s.deliver(device, push{data: data})
	nodes, _ := s.reg.elsewhere(device)
	for _, node := range nodes {
		sent := s.tell(node, cluster.Message{Kind: cluster.KindPush, Device: device, Data: data})
		if sent == nil || errors.Is(err, ErrOffline) { // one connection that takes it is enough
			err = sent
		}
	}
	if err != nil {
		return fmt.Errorf("push to %s: %w", device, err)
	}
	return nil
}

// Notify passes msg to HandleInfo of the connections of a device on this node; Go values are not
// sent to other nodes. It returns ErrOffline or ErrBusy.
func (s *Server) Notify(device string, msg any) error {
	err := s.deliver(device, info{msg: msg})
	if nodes, _ := s.reg.elsewhere(device); errors.Is(err, ErrOffline) && len(nodes) > 0 {
		return fmt.Errorf(
			"notify %s: %w here but to node %s, which only Push reaches",
			device,
			err,
			nodes[0],
		)
	}
	if err != nil {
		return fmt.Errorf("notify %s: %w", device, err)
	}
	return nil
}

// deliver sends msg to the connections of a device on this node.
func (s *Server) deliver(device string, msg any) error {
	err := ErrOffline
	for i, sess := range s.reg.of(device) {
		if sent := sess.send(msg); i == 0 || sent == nil { // one connection that takes it is enough
			err = sent
		}
	}
	return err
}

// Broadcast sends v, a term or Go value, to every connection of the cluster that subscribed to
// topic, and returns how many of this node took it. It leaves out connections that are too slow. An
// error of the bus (ErrTooLarge, ErrBusDown) means that only the connections of this node were
// reached.
func (s *Server) Broadcast(topic string, v any) (int, error) {
	data, err := fedecks.Encode(v)
	if err != nil {
		return 0, fmt.Errorf("broadcast on %s: %w", topic, err)
	}
	n := s.spread(topic, push{data: data})
	if s.cfg.Cluster.Bus != nil {
		if err := s.tell("", cluster.Message{
			Kind: cluster.KindBroadcast, Topic: topic,
			Data: data,
		}); err != nil {
			return n, fmt.Errorf("broadcast on %s: %w", topic, err)
		}
	}
	return n, nil
}

// Publish passes msg to HandleInfo of every connection of this node that subscribed to topic, and
// returns how many took it.
func (s *Server) Publish(topic string, msg any) int { return s.spread(topic, info{msg: msg}) }

func (s *Server) spread(topic string, msg any) (n int) {
	for _, sess := range s.reg.subscribers(topic) {
		if sess.send(msg) == nil {
			n++
		}
	}
	return n
}

// Disconnect closes the connections of a device on all nodes with code and reason, and returns how
// many there were.
func (s *Server) Disconnect(device string, code int, reason string) int {
	all := s.reg.of(device)
	for _, sess := range all {
		sess.end(code, reason)
	}
	nodes, others := s.reg.elsewhere(device)
	for _, node := range nodes {
		err := s.tell(
			node,
			cluster.Message{Kind: cluster.KindDisconnect, Device: device, Code: code, Reason: reason},
		)
		if err != nil {
			s.log.Warn().
				Err(err).
				Str("device", device).
				Str("other", node).
				Msg("device on another node not disconnected: the bus refuses the message; try again")
			others = 0
		}
	}
	return len(all) + others
}

// Revoke makes all tokens of a device that were made until now worthless on all nodes, and closes
// its connections. A node that cannot be reached now learns it later. The device may still log in
// with credentials; Authenticate can refuse that.
func (s *Server) Revoke(device string) {
	for _, sess := range s.reg.revoke(device, time.Now().UnixMicro()+1) {
		sess.end(protocol.ClosePolicy, "revoked")
	}
	s.reg.announceRevoked(device)
}
