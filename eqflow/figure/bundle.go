package figure

// Bundle returns the form in which Show displays a value, by MIME type: raw bytes for pictures,
// text for everything else. A film has a page and its animated picture; a table has HTML and text.
// The error says that a value has no such form, or why it could not be drawn.
func Bundle(v any) (map[string]any, error) {
	d, err := displayableOf(v)
	if err != nil {
		return nil, err
	}
	switch d := d.(type) {
	case Figure:
		data, err := d.PNG()
		if err != nil {
			return nil, err
		}
		if d.film != nil {
			return map[string]any{"text/html": playerHTML(data), "text/plain": d.Name}, nil
		}
		return map[string]any{"image/png": data, "text/plain": d.Name}, nil
	case Table:
		return map[string]any{"text/html": d.HTML(), "text/plain": d.String()}, nil
	}
	return nil, d.show(true)
}
