"""What the repositories share: the caller's scope, checks of bodies, and the wire shape of rows."""
