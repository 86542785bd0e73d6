# The Windows sentinel for 32-bit Wine; as sentinel64.s, with the arguments on the stack.
.intel_syntax noprefix
.code32
.set IAT, 0x401000
.set GetStdHandle, IAT
.set WriteFile, IAT + 4
.set ExitProcess, IAT + 8

start:
    push 0
    mov ebx, esp
    push -11                    # STD_OUTPUT_HANDLE
    call dword ptr ds:[GetStdHandle]
    push 0
    push ebx
    push 33
    call 1f                     # pushes the address of the text
1:  add dword ptr [esp], offset text - 1b
    push eax
    call dword ptr ds:[WriteFile]
    push 0x2a00002a
    call dword ptr ds:[ExitProcess]
text:
