package firmware

// nothing handles an input that a state takes no notice of.
func nothing(*Machine, Input) next { return next{} }

// onUpdate makes a handler of a method of the update.
func onUpdate(do func(*update, *shared, Input) next) handler {
	return func(m *Machine, in Input) next { return do(&m.update, &m.shared, in) }
}

// onTrial makes a handler of a method of the trial.
func onTrial(do func(*trial, *shared, Input) next) handler {
	return func(m *Machine, in Input) next { return do(&m.trial, &m.shared, in) }
}

// onTransfer makes a handler of a method of the transfer. It drops the events of tries that have
// ended.
func onTransfer(do func(*transfer, *shared, Input) outcome) handler {
	return func(m *Machine, in Input) next {
		if in.run != m.update.transfer.run {
			return next{}
		}
		o := do(&m.update.transfer, &m.shared, in)
		if o.move == moveNothing {
			return next{}
		}
		return m.update.transferred(&m.shared, o)
	}
}

// onOffer makes a handler of a method that considers an offer.
func onOffer(do func(*update, *shared, *Offer) next) handler {
	return func(m *Machine, in Input) next {
		if in.rare.offer == nil {
			return next{}
		}
		return do(&m.update, &m.shared, in.rare.offer)
	}
}

// answerOffer makes a handler of a method that does not take the offer now.
func answerOffer(do func(*offers, *shared, *Offer)) handler {
	return onOffer(func(u *update, s *shared, o *Offer) next {
		do(&u.offers, s, o)
		return next{}
	})
}

// answerCommit makes a handler that answers CommitWanted with err.
func answerCommit(err error) handler {
	return func(m *Machine, _ Input) next {
		m.answer(err)
		return next{}
	}
}

// onReboot handles that a reboot is wanted.
func onReboot(_ *Machine, in Input) next { return next{part: nextReboot, reason: in.rare.reason} }

// onJoin handles that the device channel has joined. A firmware on trial has then reached the hub.
func onJoin(m *Machine, in Input) next {
	m.reports = newReports(in.rare.seq, in.rare.committed)
	m.journal.Seq = max(m.journal.Seq, in.rare.seq)
	m.flush()
	m.tellValidated()
	if m.state == Trial {
		m.trial.tryCommit(&m.shared)
	}
	return next{}
}

// onLeave handles that the device channel is not joined any more.
func onLeave(m *Machine, _ Input) next {
	m.reports.down()
	return next{}
}

// onWritten handles that reports were written to the socket.
func onWritten(m *Machine, in Input) next {
	m.reboot.written(m.now, in.rare.seq)
	return next{}
}

// onConfirmed handles that reports have arrived.
func onConfirmed(m *Machine, in Input) next {
	if m.journal.confirm(in.rare.seq) {
		m.save()
		m.reboot.written(m.now, in.rare.seq)
	}
	return next{}
}

// onInspect has a boot record that could not be read read again.
func onInspect(m *Machine, _ Input) next {
	if m.overdue() {
		m.due = m.after(inspectEvery)
		m.do(inspectBoot())
	}
	return next{}
}
