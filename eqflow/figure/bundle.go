package figure

// Bundle returns the form in which Show displays a value, by MIME type: raw bytes for pictures,
// text for everything else. A film is a page with its animated picture, and particles in space are
// a page beside their picture; a table has HTML and text.
// The error says that a value has no such form, or why it could not be drawn.
func Bundle(v any) (map[string]any, error) {
	d, err := displayableOf(v)
	if err != nil {
		return nil, err
	}
	switch d := d.(type) {
	case Figure:
		return d.forms()
	case Table:
		return map[string]any{"text/html": d.HTML(), "text/plain": d.String()}, nil
	}
	return nil, d.show(true)
}

// forms returns the forms of a figure.
func (f Figure) forms() (map[string]any, error) {
	data, err := f.PNG()
	if err != nil {
		return nil, err
	}
	if f.film != nil {
		width, _ := f.Size()
		return map[string]any{"text/html": playerHTML(data, width), "text/plain": f.Name}, nil
	}
	if f.scene != nil {
		return f.turning(data)
	}
	return map[string]any{"image/png": data, "text/plain": f.Name}, nil
}
