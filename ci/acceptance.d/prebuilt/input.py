import sys, os
from typing import List, Optional
def f( a,b = 1,*c, d:Optional[int]=None ) -> List[int] :
    "grüße ☃"
    if a == None: return [ x for x in range(0x7fffffff,1_000_000_0) if not x is 3 ]
    l = lambda : 1.7976931348623157E308+5e-324j
    try : return {'a':a , "b":b , **{ 'c' : c }}
    except : pass
    print( "%s is %d" % (a, b), f"{a!r:>{b}} {d}", 'it\'s' )
class A ( object ) :
    x : int = 0XFF ; y=0O17
    def g(self): assert (1, "always")
    async def h(self, *, k = []): return (await k[ 0 ])[1 : -1 :2]
match f(1):
    case {"a": [1, 2, *rest], **other} if rest: pass
    case A(x=1)|None: pass
