"""The compiler: pure functions from source to IR, IR to IR, and IR to text. `pipeline` names them in order."""
