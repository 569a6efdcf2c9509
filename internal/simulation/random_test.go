package simulation

// draw decides what happens at a point of a random schedule.
func (w *world) draw(m moment) event {
	return event{}
}
