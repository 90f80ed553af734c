"""What must hold for the tree as a whole: who imports whom, what each program may need, what a public file may say."""
