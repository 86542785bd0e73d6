let broken = {
  "a": 1,
  b c
