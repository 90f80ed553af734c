"""Other ways to run a bundle than a box and the API: over a day's pictures with Apache Beam, and behind BentoML."""
