"""Another index built beside the live one, judged, switched to and back."""
