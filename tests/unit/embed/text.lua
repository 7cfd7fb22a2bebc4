#!lua name=x
"?\?/ text
