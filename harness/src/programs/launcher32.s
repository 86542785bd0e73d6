# The launcher for 32-bit Wine; as launcher64.s, with the arguments on the stack.
.intel_syntax noprefix
.code32
.set IAT, 0x401000
.set GetCommandLineW, IAT
.set GetStartupInfoW, IAT + 4
.set CreateProcessW, IAT + 8
.set WaitForSingleObject, IAT + 12
.set GetExitCodeProcess, IAT + 16
.set GetLastError, IAT + 20
.set CreateFileW, IAT + 24
.set WriteFile, IAT + 28
.set ExitProcess, IAT + 32

start:
    # ebp: -8 record, -12 bytes written, -28 PROCESS_INFORMATION, -96 STARTUPINFOW
    mov ebp, esp
    sub esp, 96
    call dword ptr ds:[GetCommandLineW]
    mov esi, eax
    push [eax]                  # a quote, where Wine quotes the name of every program
    call take                   # ourselves
    call take                   # where the status goes
    mov ebx, eax
    call take                   # the program
    mov edi, eax
    call take                   # room; what is left is the program's command line
    pop ecx
    cmp cx, 0x22
    jne quoted
    cmp [esi], cx
    je quoted
    mov edx, esi                # its first word moves back by one, into quotes
    sub esi, 4
    mov [esi], cx
1:  movzx eax, word ptr [edx]
    cmp eax, 0x20
    jbe 2f
    mov [edx - 2], ax
    add edx, 2
    jmp 1b
2:  mov [edx - 2], cx
quoted:
    lea eax, [ebp - 96]
    push eax
    call dword ptr ds:[GetStartupInfoW]
    and dword ptr [ebp - 84], 0 # no title
    mov dword ptr [ebp - 8], 1  # kind 1: a status
    lea eax, [ebp - 28]
    push eax
    lea eax, [ebp - 96]
    push eax
    push 0                      # our directory
    push 0                      # our environment
    push 0                      # no flags
    push 1                      # it inherits our handles
    push 0
    push 0
    push esi
    push edi
    call dword ptr ds:[CreateProcessW]
    test eax, eax
    jz refused
    push -1
    push [ebp - 28]
    call dword ptr ds:[WaitForSingleObject]
    lea eax, [ebp - 4]
    push eax
    push [ebp - 28]
    call dword ptr ds:[GetExitCodeProcess]
    jmp tell
refused:
    call dword ptr ds:[GetLastError]
    mov [ebp - 4], eax
    inc dword ptr [ebp - 8]     # kind 2: an error
tell:
    push 0
    push 0x80
    push 2                      # CREATE_ALWAYS
    push 0
    push 0
    push 0x40000000             # GENERIC_WRITE
    push ebx
    call dword ptr ds:[CreateFileW]
    push 0
    lea ecx, [ebp - 12]
    push ecx
    push 8
    lea ecx, [ebp - 8]
    push ecx
    push eax
    call dword ptr ds:[WriteFile]
    push [ebp - 4]
    call dword ptr ds:[ExitProcess]

take:
    xor ecx, ecx
    mov eax, esi
    cmp word ptr [esi], 0x22
    jne 1f
    add eax, 2
1:  movzx edx, word ptr [esi]
    test edx, edx
    jz 6f
    cmp edx, 0x22
    jne 2f
    xor ecx, 1
    jnz 3f
    mov [esi], cx
    jmp 3f
2:  test ecx, ecx
    jnz 3f
    cmp edx, 0x20
    je 4f
3:  add esi, 2
    jmp 1b
4:  and word ptr [esi], 0
5:  add esi, 2
    cmp word ptr [esi], 0x20
    je 5b
6:  ret
