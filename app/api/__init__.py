"""HTTP routes: parse, authorise, call one function, shape the answer."""
