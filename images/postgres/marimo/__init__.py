"""What runs inside the containers of images/postgres, on nothing but Python's standard library."""
