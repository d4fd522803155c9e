"""What is done by hand or by make: environments, pictures, lessons and recorded tables."""
