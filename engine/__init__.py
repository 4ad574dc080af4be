"""What is heard: models, sampling, stems, the worker process, training. Importing it loads no torch."""
